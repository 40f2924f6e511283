package eurekube;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Primary;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** An application that greets, and that calls others by their names in the registry. */
@SpringBootApplication
@RestController
public class Application {
    private final RestClient.Builder byName;

    Application(@LoadBalanced RestClient.Builder byName) {
        this.byName = byName;
    }

    public static void main(String[] args) {
        SpringApplication.run(Application.class, args);
    }

    @GetMapping("/hello")
    String hello() {
        return "hello";
    }

    @GetMapping("/call/{name}")
    String call(@PathVariable String name) {
        return byName.build().get().uri("http://" + name + "/hello").retrieve().body(String.class);
    }

    @org.springframework.context.annotation.Configuration
    static class Calls {
        /** For Spring Cloud's own client, which takes the first choice and asks servers by address. */
        @Bean
        @Primary
        RestClient.Builder byAddress() {
            return RestClient.builder();
        }

        @Bean
        @LoadBalanced
        RestClient.Builder byName() {
            return RestClient.builder();
        }
    }
}
